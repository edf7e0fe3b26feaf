import os

BILLING_URL = os.environ.get("BILLING", "http://localhost:8001")
