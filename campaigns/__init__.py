"""Messages, schedules and deliveries."""
