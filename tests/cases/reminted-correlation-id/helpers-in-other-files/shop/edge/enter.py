from shop.ids import new_id


def enter(request):
    request.request_id = new_id()
