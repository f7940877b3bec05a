//! Newtypes with units that cannot be confused.
