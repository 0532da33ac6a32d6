//! The access function: keeps the policy of a region bucket in step with Amazon's addresses and the operator's wishes.
//!
//! The bucket is read by machines that nobody here controls, without any server in between, so its policy alone says who may.
//! [`addresses`], [`ip_ranges`], [`readers`], [`policy`], [`document`] and [`decide`](mod@decide) are plain functions: a
//! document and the policy that stands go in, a policy or the reason to leave it comes out. [`fetch`] gets the document, the
//! storage crate reads and replaces the policy, and the handler puts them together.

pub mod addresses;
pub mod config;
pub mod decide;
pub mod document;
pub mod fetch;
mod handler;
pub mod ip_ranges;
pub mod policy;
pub mod readers;
mod summary;

pub use handler::{Answer, Handler, Outcome, Ports};
pub use summary::cannot_start;
