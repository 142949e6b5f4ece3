//! A store over the network, for threads that may wait.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectStore, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::url::Scheme;
use super::{Condition, Failure, FailureKind, Object, ObjectUrl, Tag};
use crate::interrupt::Interrupt;

/// To be connected within. A store that can't be in this time is down.
const CONNECT: Duration = Duration::from_secs(3);

/// Asked once more after a failure: whoever polls asks again anyway, and retries on retries bury a sick store.
const RETRIES: usize = 1;

/// In characters: a server may answer with a page.
const LONGEST_CAUSE: usize = 200;

/// Whom AWS's machines ask for the credentials of their role.
const ROLES: &str = "169.254.169.254";

/// A store's objects, all of one bucket or host.
pub struct Store {
    client: Arc<dyn ObjectStore>,
    scheme: Scheme,
    timeout: Duration,
    interrupt: Interrupt,
    /// Its own, so that it can be used from any thread. None only while this is dropped.
    runtime: Option<Runtime>,
}

impl Store {
    /// The store that an object lies in. Nothing is asked of it yet. What is waited for is broken off by `interrupt`,
    /// or after `timeout`.
    ///
    /// # Errors
    /// If the environment says something of it that makes no sense.
    pub fn open(url: &ObjectUrl, timeout: Duration, interrupt: Interrupt) -> Result<Self, Failure> {
        let scheme = url.scheme();
        let options = ClientOptions::new().with_allow_http(true).with_connect_timeout(CONNECT).with_timeout_disabled();
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            ..BackoffConfig::default()
        };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: timeout };
        let client: Arc<dyn ObjectStore> = match scheme {
            Scheme::S3 => {
                if is_set("AWS_PROFILE") && !is_set("AWS_ACCESS_KEY_ID") {
                    let message = "AWS_PROFILE is set, but profiles are not read: put the credentials into the \
                                   environment, as `aws configure export-credentials --format env` prints them";
                    return Err(Failure::new(FailureKind::Refused, message));
                }
                let builder = AmazonS3Builder::from_env().with_bucket_name(url.authority());
                let built = builder.with_client_options(options).with_retry(retry).build();
                Arc::new(built.map_err(|error| unusable(&error))?)
            }
            Scheme::Http | Scheme::Https => {
                let root = url.as_str().strip_suffix(url.key()).unwrap_or(url.as_str());
                let built = HttpBuilder::new().with_url(root).with_client_options(options).with_retry(retry).build();
                Arc::new(built.map_err(|error| unusable(&error))?)
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(|error| Failure::new(FailureKind::Unreachable, format!("no thread could be started: {error}")))?;
        Ok(Self { client, scheme, timeout, interrupt, runtime: Some(runtime) })
    }

    /// Reads an object of up to `limit` bytes.
    pub fn read(&self, url: &ObjectUrl, limit: u64) -> Result<Object, Failure> {
        let (client, path) = (Arc::clone(&self.client), self.path(url)?);
        self.wait(async move {
            let found = client.get_opts(&path, GetOptions::default()).await.map_err(|error| failure(&error))?;
            if found.meta.size > limit {
                let message = format!("the object is larger than the {limit} bytes that are left for it");
                return Err(Failure::new(FailureKind::Refused, message));
            }
            let tag = found.meta.e_tag.clone().map(Tag::Entity);
            let modified = SystemTime::from(found.meta.last_modified);
            // What is not told is read as the beginning of all times.
            let tag = tag.or_else(|| Some(Tag::Modified(modified)).filter(|_| modified > SystemTime::UNIX_EPOCH));
            let bytes = Vec::from(found.bytes().await.map_err(|error| failure(&error))?);
            Ok(Object { bytes, tag })
        })
    }

    /// Whether an object is as it was when this was its tag. If it is not, none of it is read.
    pub fn is_same(&self, url: &ObjectUrl, tag: &Tag) -> Result<bool, Failure> {
        let (client, path) = (Arc::clone(&self.client), self.path(url)?);
        let mut options = GetOptions::default();
        match tag {
            Tag::Entity(tag) => options.if_none_match = Some(tag.clone()),
            Tag::Modified(at) => options.if_modified_since = Some((*at).into()),
        }
        self.wait(async move {
            match client.get_opts(&path, options).await {
                Err(Error::NotModified { .. }) => Ok(true),
                Ok(_) => Ok(false),
                Err(error) => Err(failure(&error)),
            }
        })
    }

    /// Writes an object, and gives its new tag, if it has one.
    pub fn write(&self, url: &ObjectUrl, bytes: Vec<u8>, condition: &Condition<'_>) -> Result<Option<Tag>, Failure> {
        if self.scheme != Scheme::S3 {
            let message = "can't be written to: an HTTP server is only read from; write to it in its own way";
            return Err(Failure::new(FailureKind::Refused, message));
        }
        let path = self.path(url)?;
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::New => PutMode::Create,
            Condition::Same(Tag::Entity(tag)) => {
                PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None })
            }
            Condition::Same(Tag::Modified(_)) => {
                let message = "the store gives no ETag, so that others' changes could be overwritten";
                return Err(Failure::new(FailureKind::Refused, message));
            }
        };
        let client = Arc::clone(&self.client);
        self.wait(async move {
            let put = client.put_opts(&path, bytes.into(), PutOptions::from(mode)).await;
            Ok(put.map_err(|error| failure(&error))?.e_tag.map(Tag::Entity))
        })
    }

    fn path(&self, url: &ObjectUrl) -> Result<Path, Failure> {
        let path = match self.scheme {
            Scheme::S3 => Path::parse(url.key()),
            Scheme::Http | Scheme::Https => Path::from_url_path(url.key()),
        };
        path.map_err(|error| Failure::new(FailureKind::Refused, format!("it can't be the name of an object: {error}")))
    }

    /// Does it on the store's own thread, and waits for it on this one.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (timeout, interrupt) = (self.timeout, self.interrupt.clone());
        let (sender, answer) = oneshot::channel();
        let bounded = async move {
            let done = tokio::select! {
                done = work => done,
                () = tokio::time::sleep(timeout) => Err(Failure::new(
                    FailureKind::Unreachable,
                    format!("no whole answer within {} s (`[table] timeout`)", timeout.as_secs_f64()),
                )),
                () = interrupt.raised() => Err(Failure::new(
                    FailureKind::Interrupted,
                    "broken off: something more urgent was asked for",
                )),
            };
            _ = sender.send(done);
        };
        if let Some(runtime) = &self.runtime {
            runtime.spawn(bounded);
        }
        answer.blocking_recv().unwrap_or_else(|_| Err(Failure::new(FailureKind::Unreachable, "asking it broke off")))
    }
}

impl Drop for Store {
    /// Also where nobody may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn unusable(error: &Error) -> Failure {
    Failure::new(FailureKind::Refused, format!("the store can't be used: {}", root_cause(error)))
}

/// What to tell of it: what the store said, without addresses of ours and how often it was asked.
fn failure(error: &Error) -> Failure {
    let (kind, message) = match error {
        // A bucket that is gone says nothing of the object that somebody needs.
        Error::NotFound { .. } if all_causes(error).contains("NoSuchBucket") => {
            (FailureKind::Refused, "there is no such bucket".to_owned())
        }
        Error::NotFound { .. } => (FailureKind::Missing, "the object does not exist".to_owned()),
        Error::Precondition { .. } | Error::AlreadyExists { .. } => {
            (FailureKind::Conflict, "somebody else has written it meanwhile".to_owned())
        }
        _ if all_causes(error).contains(ROLES) => (
            FailureKind::Refused,
            "there are no credentials: AWS_ACCESS_KEY_ID is not set, and this machine has no role that can be asked for"
                .to_owned(),
        ),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            let code = s3_code(&all_causes(error)).map(|code| format!(" ({code})")).unwrap_or_default();
            let hint = match code.trim_matches([' ', '(', ')']) {
                "AccessDenied" => ": without the right to list the bucket, so is what does not exist",
                "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" => {
                    ": the environment's AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is not right"
                }
                _ => "",
            };
            (FailureKind::Refused, format!("access is denied{code}{hint}"))
        }
        _ => (FailureKind::Unreachable, format!("no good answer: {}", root_cause(error))),
    };
    Failure { kind, message }
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
fn root_cause(error: &Error) -> String {
    let innermost = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let words: Vec<&str> = innermost.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_CAUSE).filter(|character| !character.is_control()).collect()
}
