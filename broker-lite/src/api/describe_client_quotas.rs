//! DescribeClientQuotas: there are none, since none can be set.

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, MATCH_ANY,
    MATCH_DEFAULT, MATCH_EXACT,
};

use super::{Context, Handler};
use crate::net::Close;

impl Handler for DescribeClientQuotasRequest {
    async fn handle(
        self,
        context: &Context,
    ) -> Result<Option<DescribeClientQuotasResponse>, Close> {
        let fault = context.verdict.error().map(|code| (code, code.meaning().to_owned()));
        let refused = fault.or_else(|| check(&self.components).err());
        let mut response = DescribeClientQuotasResponse::default();
        match refused {
            Some((code, message)) => {
                response.error_code = code;
                response.error_message = Some(message.into());
            }
            None => response.entries = Some(Vec::new()),
        }
        Ok(Some(response))
    }
}

/// What Kafka refuses whether there are quotas or not.
fn check(components: &[ComponentData]) -> Result<(), (ErrorCode, String)> {
    let mut types = BTreeSet::new();
    for component in components {
        let kind = &*component.entity_type;
        let refused = |message: String| Err((ErrorCode::INVALID_REQUEST, message));
        if kind.is_empty() {
            return refused("Unexpected empty filter component entity type.".to_owned());
        }
        if !["user", "client-id", "ip"].contains(&kind) {
            let message = format!("Custom entity type '{kind}' not supported.");
            return Err((ErrorCode::UNSUPPORTED_VERSION, message));
        }
        if !types.insert(kind) {
            return refused(format!("Duplicate filter component entity type '{kind}'."));
        }
        match (component.match_type, &component.match_) {
            (MATCH_EXACT, Some(_)) | (MATCH_DEFAULT | MATCH_ANY, None) => {}
            (MATCH_EXACT, None) => {
                return refused(format!("A name of {kind} to match exactly is missing."));
            }
            (MATCH_DEFAULT | MATCH_ANY, Some(_)) => {
                return refused(format!("A name of {kind} is given where none is compared."));
            }
            (other, _) => return refused(format!("Unexpected match type {other}.")),
        }
    }
    if types.contains("ip") && types.len() > 1 {
        let message = "An ip cannot be combined with a user or a client id.".to_owned();
        return Err((ErrorCode::INVALID_REQUEST, message));
    }
    Ok(())
}
