package sdpwire

// Fault is why a description cannot be relayed. The set is small and fixed, so that it can be counted.
type Fault uint8

// The faults.
const (
	None          Fault = iota
	NotSDP              // neither v= nor m=
	TooLong             // more than MaxSize bytes
	TooManyMedia        // more than MaxMedia m-lines
	TooManyPlaces       // more than MaxPlaces places to be rewritten
	BadMedia            // an m-line without port or transport
	BadPort             // a media port that is no number, or above 65535
	BadRange            // a number of ports that is none, above MaxPairs, or reaches beyond port 65535
	NoConnection        // media without a connection address
	BadConnection       // media with a connection address that cannot be read
	numFaults
)

// Faults is how many faults there are: they are numbered from None up to it.
const Faults = int(numFaults)

var faults = [numFaults]string{
	None:          "no fault",
	NotSDP:        "not a session description",
	TooLong:       "session description is too long",
	TooManyMedia:  "too many media lines",
	TooManyPlaces: "too many addresses and ports",
	BadMedia:      "media line without port or transport",
	BadPort:       "bad media port",
	BadRange:      "bad number of media ports",
	NoConnection:  "media without connection address",
	BadConnection: "bad connection address",
}

// String is a sentence for the log, and the reason phrase of the 488 that refuses the description.
func (f Fault) String() string { return faults[f] }
