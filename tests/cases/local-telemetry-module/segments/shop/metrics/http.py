from opentelemetry.semconv.attributes import http_attributes

METHOD = http_attributes.HTTP_REQUEST_METHOD
