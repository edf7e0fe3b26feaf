def get(url):
    return url


def post(url):
    return url
