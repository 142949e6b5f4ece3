//! What to tell of a store's answer that is no good one.

use object_store::Error;

use super::url::Scheme;
use super::{Failure, FailureKind};

/// What was asked, and of whom.
pub struct Asked<'a> {
    pub whom: &'a str,
    pub scheme: Scheme,
    pub doing: Doing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Reading,
    Writing,
}

/// In characters: a server may answer with a page.
const LONGEST_CAUSE: usize = 200;

/// Whom AWS's machines ask for the credentials of their role.
const ROLES: &str = "169.254.169.254";

/// In a line, without how often it was tried.
pub fn failure(error: &Error, asked: &Asked<'_>) -> Failure {
    let causes = all_causes(error);
    let (kind, message) = match error {
        // A bucket that is gone says nothing of the object that somebody needs.
        Error::NotFound { .. } if causes.contains("NoSuchBucket") => {
            (FailureKind::Denied, "there is no such bucket".to_owned())
        }
        Error::NotFound { .. } => (FailureKind::Missing, "the object does not exist".to_owned()),
        Error::Precondition { .. } | Error::AlreadyExists { .. } => {
            (FailureKind::Conflict, "somebody else has written it meanwhile".to_owned())
        }
        _ if causes.contains(ROLES) => (
            FailureKind::Denied,
            "there are no credentials: AWS_ACCESS_KEY_ID is not set, and this machine has no role that can be asked for"
                .to_owned(),
        ),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (FailureKind::Denied, denied(&causes, asked)),
        _ => {
            // The rest of what S3 writes is different each time.
            let cause = s3_code(&causes).map_or_else(|| root_cause(error), str::to_owned);
            (FailureKind::Unreachable, format!("no good answer from {}: {cause}", asked.whom))
        }
    };
    Failure { kind, message }
}

fn denied(causes: &str, asked: &Asked<'_>) -> String {
    let code = s3_code(causes);
    let hint = match (asked.scheme, code, asked.doing) {
        (Scheme::Http | Scheme::Https, ..) => ": no credentials are sent over HTTP; write s3://BUCKET/KEY if it is S3",
        (_, Some("SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken"), _) => {
            ": the environment's AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is not right"
        }
        (_, Some("AccessDenied"), Doing::Writing) => ": these credentials may not write there (s3:PutObject)",
        (_, Some("AccessDenied"), Doing::Reading) => {
            ": without the right to list the bucket (s3:ListBucket), so is what does not exist"
        }
        _ => "",
    };
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    format!("access is denied{code}{hint}")
}

/// What S3 calls an error, in the XML of its answer.
fn s3_code(answer: &str) -> Option<&str> {
    let (code, _) = answer.split_once("<Code>")?.1.split_once("</Code>")?;
    Some(code).filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let outermost: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(outermost), |error| (*error).source())
}

fn all_causes(error: &Error) -> String {
    causes(error).map(ToString::to_string).collect()
}

/// The innermost, on one line.
pub fn root_cause(error: &Error) -> String {
    let innermost = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let words: Vec<&str> = innermost.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_CAUSE).filter(|character| !character.is_control()).collect()
}
