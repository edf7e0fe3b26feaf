from shop.obs import emit


def test_it(row):
    emit(row.name)
