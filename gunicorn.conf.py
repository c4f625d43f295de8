"""How the application is served; gunicorn reads this file by itself."""

# An access log would hold the path, and the path of a scan holds the paper's secret.
accesslog = None
control_socket_disable = True
workers = 2
