//! Messages between core and its roles, and the frame codec.
