def test_x(any_engine):
    from capture.store import migrate
    migrate.check(any_engine)
