"""The numbers of CoAP by name, for tests and tools; not installed on a board.

Device code keeps private constants instead (`_CONTENT = const(0x45)  # 2.05`), which cost no
heap; a test compares them with these.
"""

# Message types (RFC 7252 section 3)
CON = 0
NON = 1
ACK = 2
RST = 3

# Method and response codes: class << 5 | detail (RFC 7252 section 12.1, RFC 8132)
EMPTY = 0x00
GET = 0x01
POST = 0x02
PUT = 0x03
DELETE = 0x04
FETCH = 0x05
PATCH = 0x06
IPATCH = 0x07
CREATED = 0x41  # 2.01
DELETED = 0x42  # 2.02
VALID = 0x43  # 2.03
CHANGED = 0x44  # 2.04
CONTENT = 0x45  # 2.05
CONTINUE = 0x5F  # 2.31
BAD_REQUEST = 0x80  # 4.00
UNAUTHORIZED = 0x81  # 4.01
BAD_OPTION = 0x82  # 4.02
FORBIDDEN = 0x83  # 4.03
NOT_FOUND = 0x84  # 4.04
METHOD_NOT_ALLOWED = 0x85  # 4.05
NOT_ACCEPTABLE = 0x86  # 4.06
REQUEST_ENTITY_INCOMPLETE = 0x88  # 4.08
PRECONDITION_FAILED = 0x8C  # 4.12
REQUEST_ENTITY_TOO_LARGE = 0x8D  # 4.13
UNSUPPORTED_CONTENT_FORMAT = 0x8F  # 4.15
INTERNAL_SERVER_ERROR = 0xA0  # 5.00
SERVICE_UNAVAILABLE = 0xA3  # 5.03
PROXYING_NOT_SUPPORTED = 0xA5  # 5.05

# Of ours: a response that is not given, and the longest wait that poll() asks for
SILENCE = -1
IDLE_MS = 86400000

# Option numbers (RFC 7252 section 12.2, RFC 7641, RFC 7959)
IF_MATCH = 1
URI_HOST = 3
ETAG = 4
IF_NONE_MATCH = 5
OBSERVE = 6
URI_PORT = 7
LOCATION_PATH = 8
URI_PATH = 11
CONTENT_FORMAT = 12
MAX_AGE = 14
URI_QUERY = 15
ACCEPT = 17
LOCATION_QUERY = 20
BLOCK2 = 23
BLOCK1 = 27
SIZE2 = 28
PROXY_URI = 35
PROXY_SCHEME = 39
SIZE1 = 60

# Content formats (RFC 7252 section 12.3, LwM2M TS)
TEXT = 0
LINK = 40
OPAQUE = 42
TLV = 11542
