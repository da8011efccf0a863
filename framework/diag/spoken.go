package diag

// Classes of what specs find without asking a path again: a share, a count, an object. They
// stand beside those of the table in the closed list that reports and fault tests compare.
const (
	ServiceUneven      = "service-uneven"       // a pod of a Service gets no associations
	ServiceNotSticky   = "service-not-sticky"   // a client is sent to several pods where it is to stay at one
	APIChangesProtocol = "api-changes-protocol" // an object does not say SCTP although it did when it was written
	AssociationsFail   = "associations-fail"    // some of many
)

// Spoken lists them.
func Spoken() []string {
	return []string{ServiceUneven, ServiceNotSticky, APIChangesProtocol, AssociationsFail}
}
