//! The configuration language: text in, typed model and diagnostics out.
