"""How the application is served; gunicorn reads this file by itself."""

# An access log would hold who looked up what and when.
accesslog = None
control_socket_disable = True
workers = 2
# The gateway hands a reply in by its address, in which a Chinese character takes nine.
limit_request_line = 8190


def on_starting(server: object) -> None:  # noqa: ARG001
    """Let a bad setting end the server once, in its own sentence, before any worker starts."""
    from app import create_app

    create_app()
