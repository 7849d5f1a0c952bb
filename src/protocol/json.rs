//! A pull parser for JSON: no recursion, no allocation, positions instead of copies.
