//! From addresses and credentials to an endpoint that the host has really connected to, with the very settings that
//! are exported.

mod api_client;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod endpoint;
mod error;
mod json_pointer;
mod search;

pub(crate) use self::api_client::{Admission, Api, ApiClient};
pub(crate) use self::endpoint::{Endpoint, EndpointAddress, EndpointPlace, Via};
pub(crate) use self::error::{Error, NoResponse};
pub(crate) use self::search::EndpointSearch;
