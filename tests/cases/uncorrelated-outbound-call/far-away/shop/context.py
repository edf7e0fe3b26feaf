REQUEST_ID = "X-Request-Id"
HEADERS = {"Accept": "*/*", REQUEST_ID: "…"}
