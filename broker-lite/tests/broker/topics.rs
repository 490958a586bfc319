//! Topics come, grow and go.
