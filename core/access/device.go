package access

import "github.com/basewright/basewright/core"

// Device is a browser in which a user logged in. It opens nothing: it tells the user
// from others who guess at the same address.
type Device struct {
	ID, User string
}

// Seal returns it as the browser keeps it.
func (d Device) Seal(key core.FingerprintKey) string { return shutValue(key, devices, d) }

// OpenDevice returns what Seal closed; anything else is the zero value.
func OpenDevice(key core.FingerprintKey, sealed string) Device {
	return unshutValue[Device](key, devices, sealed)
}
