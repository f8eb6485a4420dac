"""What one fix session is made of: its place, its brief, its guard, its agent, and the rows it leaves behind."""
