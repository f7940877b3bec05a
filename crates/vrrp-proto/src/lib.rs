//! VRRP as pure state machines: codec, authentication, timing, election, groups.
