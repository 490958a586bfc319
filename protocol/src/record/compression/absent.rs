//! Stands in for a codec whose cargo feature is off.

use bytes::BytesMut;

use super::output::{Fault, Output};
use super::{Decode, Encode};

/// There is none.
#[derive(Debug)]
pub(super) enum Encoder {}

impl Encode for Encoder {
    fn new(_: Option<i32>) -> Result<Self, Fault> {
        Err(Fault::Absent)
    }

    fn encode(&mut self, _: &[u8], _: &mut BytesMut) -> Result<(), Fault> {
        match *self {}
    }
}

/// There is none.
#[derive(Debug)]
pub(super) enum Decoder {}

impl Decode for Decoder {
    fn new() -> Result<Self, Fault> {
        Err(Fault::Absent)
    }

    fn decode(&mut self, _: &[u8], _: &mut Output) -> Result<(), Fault> {
        match *self {}
    }
}
