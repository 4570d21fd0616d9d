package sipwire

// Fault is what is wrong with a message. The set is small and fixed, so that it can be counted.
type Fault uint8

// The faults, and with each the status that answers it, if any.
const (
	None           Fault = iota
	NotSIP               // the first line is no start line: nothing to answer
	Truncated            // no empty line behind the headers
	BadStatusLine        // a response that no one can use
	NoVia                // nowhere to send an answer
	BadRequestLine       // 400
	BadVersion           // 505
	BadLineEnd           // 400
	NoColon              // 400
	BadHeaderName        // 400
	TooManyHeaders       // 400
	BadVia               // 400: the place to answer to can be read, the rest not
	NoFrom               // 400
	NoTo                 // 400
	NoCallID             // 400
	NoCSeq               // 400
	Duplicate            // 400
	BadFrom              // 400
	BadTo                // 400
	BadCallID            // 400
	BadCSeq              // 400
	CSeqMismatch         // 400
	BadRequestURI        // 400
	UnknownScheme        // 416
	BadMaxForwards       // 400
	BadLength            // 400
	ShortBody            // 400
	BadContact           // 400
	BadRoute             // 400
	TooLong              // 413: over a stream, where the length is known before the message has come
	numFaults
)

var faults = [numFaults]struct {
	status int
	text   string
}{
	None:           {0, "no fault"},
	NotSIP:         {0, "not a SIP message"},
	Truncated:      {0, "headers do not end"},
	BadStatusLine:  {0, "bad status line"},
	NoVia:          {0, "no Via"},
	BadRequestLine: {400, "Bad Request Line"},
	BadVersion:     {505, "Version Not Supported"},
	BadLineEnd:     {400, "Bad Line End"},
	NoColon:        {400, "Header Line Without Colon"},
	BadHeaderName:  {400, "Bad Header Name"},
	TooManyHeaders: {400, "Too Many Headers"},
	BadVia:         {400, "Bad Via"},
	NoFrom:         {400, "Missing From"},
	NoTo:           {400, "Missing To"},
	NoCallID:       {400, "Missing Call-ID"},
	NoCSeq:         {400, "Missing CSeq"},
	Duplicate:      {400, "Header Must Not Be Repeated"},
	BadFrom:        {400, "Bad From"},
	BadTo:          {400, "Bad To"},
	BadCallID:      {400, "Bad Call-ID"},
	BadCSeq:        {400, "Bad CSeq"},
	CSeqMismatch:   {400, "CSeq Names Another Method"},
	BadRequestURI:  {400, "Bad Request-URI"},
	UnknownScheme:  {416, "Unsupported URI Scheme"},
	BadMaxForwards: {400, "Bad Max-Forwards"},
	BadLength:      {400, "Bad Content-Length"},
	ShortBody:      {400, "Body Shorter Than Content-Length"},
	BadContact:     {400, "Bad Contact"},
	BadRoute:       {400, "Bad Route"},
	TooLong:        {413, "Message Too Large"},
}

// Status is the status code that answers a request with this fault; 0 when it gets no answer.
func (f Fault) Status() int { return faults[f].status }

// isSilent tells a fault that gets no answer.
func (f Fault) isSilent() bool { return f != None && f.Status() == 0 }

// String is the reason phrase of the answer, or a sentence for the log.
func (f Fault) String() string { return faults[f].text }

// Faults is how many faults there are: they are numbered from None up to it.
const Faults = int(numFaults)
