from shop.obs.emit import emit as emit
