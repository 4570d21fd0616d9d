// The attributes of spans that this page reads, as the proxy writes them (docs/telemetry.md).
export const names = {
  messageType: 'sip.message.type', // request or response
  method: 'sip.request.method',
  status: 'sip.response.status_code', // of a response, or of the answer that the proxy itself gave
  callID: 'sip.call_id',
  cseq: 'sip.cseq',
  transport: 'network.transport',
  peerAddress: 'network.peer.address', // who sent it
  peerPort: 'network.peer.port',
  localAddress: 'network.local.address', // our socket that it came to
  localPort: 'network.local.port',
  serverAddress: 'server.address', // where it was sent to
  serverPort: 'server.port',
  legIn: 'actorsip.leg.in',
  legOut: 'actorsip.leg.out',
  outcome: 'actorsip.outcome', // pass, answer or drop
  error: 'error.type', // why it was answered or dropped
  reason: 'actorsip.reason', // why a room answered or dropped it; why a relay ended
  node: 'actorsip.node', // of the process, not of the span
  user: 'actorsip.user', // there only if the proxy is told to show request-URIs
  media: 'actorsip.media.', // then the side, a or b, and what is counted
};

// Spans that are no message.
export const relay = 'mediasession relay'; // a relay's life
export const isRestart = name => name.endsWith(' restart'); // a room's

const phrases = {
  100: 'Trying', 180: 'Ringing', 181: 'Forwarded', 182: 'Queued', 183: 'Session Progress',
  200: 'OK', 202: 'Accepted', 204: 'No Notification',
  300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Moved Temporarily', 305: 'Use Proxy', 380: 'Alternative Service',
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable',
  407: 'Proxy Authentication', 408: 'Request Timeout', 410: 'Gone', 413: 'Too Large', 414: 'URI Too Long',
  415: 'Unsupported Media', 416: 'Unsupported Scheme', 420: 'Bad Extension', 421: 'Extension Required', 422: 'Interval Too Small',
  423: 'Interval Too Brief', 430: 'Flow Failed', 480: 'Unavailable', 481: 'No Such Call', 482: 'Loop Detected',
  483: 'Too Many Hops', 484: 'Address Incomplete', 485: 'Ambiguous', 486: 'Busy Here', 487: 'Terminated',
  488: 'Not Acceptable Here', 489: 'Bad Event', 491: 'Request Pending', 493: 'Undecipherable',
  500: 'Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Unavailable', 504: 'Timeout',
  505: 'Version', 513: 'Message Too Large', 600: 'Busy Everywhere', 603: 'Decline', 604: 'Exists Nowhere', 606: 'Not Acceptable',
};

// withPhrase is a status code as people read it.
export const withPhrase = status => phrases[status] ? `${status} ${phrases[status]}` : `${status}`;
