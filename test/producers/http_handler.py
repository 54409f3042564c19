"""A program that logs by Python's own HTTPHandler: docs/producers.md. Arguments: host:port, path."""

import logging
import logging.handlers
import sys

host, path = sys.argv[1:]
plain = logging.handlers.HTTPHandler(host, path, method='POST')
log = logging.getLogger('job')
log.addHandler(plain)
log.setLevel(logging.DEBUG)
log.warning('disk is 91% full: äöü & more')
log.removeHandler(plain)

mapped = logging.handlers.HTTPHandler(host, path, method='POST')
mapped.mapLogRecord = lambda record: {
    'message': record.getMessage(),
    'levelname': record.levelname,
    'name': record.name,
}
log.addHandler(mapped)
log.info('step %d of %d', 2, 3)
