def place(order):
    try:
        order.place()
    except Exception as érreur:  # error: OBS501
        pass
    try:
        order.place()
    except Exception as érreur:
        order.fail(érreur)
