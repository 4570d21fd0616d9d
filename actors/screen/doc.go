// Package screen holds requests against the rules of the configuration: some pass, some are blocked, dropped, or limited in their
// rate.
//
//	Owns   nothing: what was counted is the rules'
//	Hears  message.Screen
//	Says   the verb of the room behind it in the chain
//	Fails  carryOn: one bad packet is one bad packet
//
// In Net::SIP this was Blocker and Dropper.
package screen
