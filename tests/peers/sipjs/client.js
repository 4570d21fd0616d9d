// A SIP.js user agent over WebSocket that a test plays with.
//
//   node client.js ws://127.0.0.1:5080 sip:alice@example.com [text|binary [CA.pem]]
//
// Commands come by standard input, a JSON object a line, and are done one after another; what happens is written to standard
// output in the same way. Each SIP message is shown as it came or went: {"event": "in", "message": "..."}. There is no
// browser and so no media: descriptions are fixed. The end of the input ends the program.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { Inviter, Registerer, SessionState, UserAgent } from "sip.js";

const [server, address, frames, authority] = process.argv.slice(2);

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

// The WebSocket of a browser, whose frames are seen.
let socket;
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocol) {
    super(url, protocol, authority ? { ca: readFileSync(authority) } : {});
    socket = this;
    this.on("pong", (data) => say("pong frame", { data: data.toString() }));
    this.on("message", (data) => say(data.toString() === "\r\n" ? "pong" : "in", { message: data.toString() }));
  }

  send(message) {
    say(message === "\r\n\r\n" ? "ping" : "out", { message });
    super.send(frames === "binary" ? Buffer.from(message) : message);
  }
};

// A session description handler with nothing behind it: each offer and answer is a new version of one description.
let version = 0;
const descriptions = () => ({
  close() {},
  hasDescription: (type) => type === "application/sdp",
  getDescription: async () => ({
    contentType: "application/sdp",
    body: `v=0\r\no=- 1 ${++version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n`,
  }),
  setDescription: async () => {},
  rollbackDescription: async () => {},
  sendDtmf: () => false,
});

let session;

// adopt makes that session the one which commands are about.
function adopt(next) {
  session = next;
  next.delegate = {
    onInvite: () => say("changed by the peer"),
    onAck: () => setImmediate(say, "acknowledged"), // until then SIP.js refuses the next re-INVITE
    onBye: (bye) => { say("hung up by the peer"); bye.accept(); },
  };
  next.stateChange.addListener((state) => say(state.toLowerCase()));
}

const agent = new UserAgent({
  uri: UserAgent.makeURI(address),
  transportOptions: { server, connectionTimeout: 5, keepAliveInterval: 1, keepAliveDebounce: 1 },
  sessionDescriptionHandlerFactory: descriptions,
  logBuiltinEnabled: false,
  gracefulShutdown: false,
  delegate: {
    onConnect: () => say("connected"),
    onDisconnect: (error) => say("disconnected", { error: error?.message }),
    onInvite: (invitation) => { adopt(invitation); say("invited", { uri: invitation.request.ruri.toString() }); },
  },
});
const registerer = new Registerer(agent, { expires: 600 });

// answered gives the outcome of a request as an event.
const answered = (event) => ({
  requestDelegate: {
    onAccept: (response) => say(event, { code: response.message.statusCode }),
    onReject: (response) => say("refused", { code: response.message.statusCode }),
  },
});

const commands = {
  start: () => agent.start(),
  connect: () => agent.reconnect(),
  register: () => registerer.register(answered("registered")),
  unregister: () => registerer.unregister(answered("unregistered")),
  call: ({ to }) => {
    adopt(new Inviter(agent, UserAgent.makeURI(to)));
    return session.invite(answered("answered"));
  },
  cancel: () => session.cancel(),
  accept: () => session.accept(),
  refuse: ({ code }) => session.reject({ statusCode: code }),
  change: () => session.invite(answered("changed")),
  bye: () => session.bye(answered("hung up")),
  ping: ({ data }) => socket.ping(data),
  break: () => socket.terminate(), // without a word
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...more } = JSON.parse(line);
  try {
    await commands[name](more);
    say("done", { name });
  } catch (error) {
    say("failed", { name, error: String(error) });
  }
}
process.exit(0);
