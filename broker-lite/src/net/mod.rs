//! The network side: who may connect, and how requests and replies of one connection follow each
//! other.

mod close;
pub(crate) mod listener;
mod pipeline;
pub(crate) mod session;
mod stopping;

pub(crate) use close::Close;
pub(crate) use pipeline::Outcome;
pub(crate) use session::Local;
pub(crate) use stopping::Stopping;
