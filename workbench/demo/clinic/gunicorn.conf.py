"""How the clinic is served: gunicorn reads this file from the folder it is started in."""

workers = 1
threads = 4
graceful_timeout = 5
control_socket_disable = True  # nobody steers this server from outside
