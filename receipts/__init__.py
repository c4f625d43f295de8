"""The paper: signed token, QR image, printed sheet. Knows nothing of cases."""
