"""What carries the context to other processes: headers for HTTP clients, metadata for queues; one module a library.

HTTP clients (httpx, requests, aiohttp, urllib): ids go to the hosts that are named, never elsewhere, also after a
redirect. Queues (celery, rq, arq, redis_streams): request_id and job_id stay over retries, each attempt has a
job_run_id of its own. Each module needs its library, which this package does not install.
"""
