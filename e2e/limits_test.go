package e2e

import (
	"sctp.test/ci/known"
	"sctp.test/framework/spec"
)

// readLimits reads the list that --known names. The embedded lists are looked at whichever
// is named: one that does not fit the specs is found by every run, `make test` included.
func (s *suite) readLimits() error {
	for _, network := range known.Names() {
		l, err := known.Of(network)
		if err == nil {
			err = l.Check(spec.IDs())
		}
		if err != nil {
			return err
		}
	}
	if s.known == known.Auto || s.known == known.None {
		return nil
	}
	l, err := known.Named(s.known)
	if err != nil {
		return err
	}
	s.limits = l
	return l.Check(spec.IDs())
}

// chooseLimits takes the list of the cluster's network where --known leaves it to that,
// and says which list it is: the person must know what is excused.
func (s *suite) chooseLimits() (err error) {
	if s.known == known.Auto {
		s.limits, err = known.Of(s.network())
	}
	if s.limits.File != "" {
		s.say("known limitations are those of %s", s.limits.File)
	}
	return err
}

// network is the slug of the cluster's network plugin; there is no list for one that is
// not known.
func (s *suite) network() string { return s.facts.CNI }
