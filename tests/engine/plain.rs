//! Against ordinary TCP services.
