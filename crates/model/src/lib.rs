//! Typed configuration as the program sees it, and its diff.
