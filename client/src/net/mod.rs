//! One socket per broker and purpose: opened on first use, requests pipelined in call order.
//!
//! [`connection`] is the handle and its queue, [`driver`] the task behind it, [`session`] one life
//! of a socket. [`pipeline`], [`handshake`], [`gate`] and [`output`] are what they consist of and
//! know no runtime.

pub(crate) mod address;
pub(crate) mod connect_error;
pub(crate) mod connection;
pub(crate) mod driver;
pub(crate) mod gate;
pub(crate) mod handshake;
pub(crate) mod layers;
pub(crate) mod output;
#[cfg(feature = "tls")]
pub(crate) mod pem;
pub(crate) mod pipeline;
pub(crate) mod session;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(feature = "tls")]
pub(crate) mod tls_fault;

#[cfg(test)]
pub(crate) mod tests;
