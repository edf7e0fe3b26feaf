from shop.ids import new_id as make_id, token
