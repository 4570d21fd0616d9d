package digest

// Found is how much is known of a user.
type Found uint8

// What is known.
const (
	Unasked Found = iota // nothing: Resolve asks
	Absent               // there is no such user, or none with that algorithm
	Present              // the HA1
	Failed               // nothing, and just now nobody tells
)

// Users knows HA1 values: a File or a Callback. Its methods may be called from several goroutines.
type Users interface {
	// Lookup answers at once what is known.
	Lookup(user []byte, realm string, a Algorithm) (HA1, Found)
	// Resolve has Lookup know more of a user that was Unasked, and then calls done, once and from another goroutine. When it returns
	// an error, done is not called.
	Resolve(user, realm string, a Algorithm, done func()) error
}
