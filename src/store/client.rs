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

use super::answer::{Asked, Doing, failure, root_cause};
use super::url::Scheme;
use super::{Condition, Failure, FailureKind, Object, ObjectUrl, Tag};
use crate::interrupt::Interrupt;

/// To be connected within. A store that can't be in this time is down.
const CONNECT: Duration = Duration::from_secs(3);

/// Asked once more after a failure: whoever polls asks again anyway, and retries on retries bury a sick store.
const RETRIES: usize = 1;

/// A store's objects, all of one bucket or host.
pub struct Store {
    client: Arc<dyn ObjectStore>,
    scheme: Scheme,
    /// Whom it is asked of, in messages.
    whom: String,
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
        let options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout_disabled();
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            ..BackoffConfig::default()
        };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: timeout };
        let (client, whom): (Arc<dyn ObjectStore>, _) = match scheme {
            Scheme::S3 => {
                let whom = endpoint()?;
                let options = options.with_allow_http(whom.starts_with("http://"));
                if is_set("AWS_PROFILE") && !is_set("AWS_ACCESS_KEY_ID") {
                    let message = "AWS_PROFILE is set, but profiles are not read: put the credentials into the \
                                   environment, as `aws configure export-credentials --format env` prints them";
                    return Err(Failure::new(FailureKind::Denied, message));
                }
                let builder = AmazonS3Builder::from_env().with_bucket_name(url.authority());
                let built = builder.with_client_options(options).with_retry(retry).build();
                (Arc::new(built.map_err(|error| unusable(&error))?), whom)
            }
            Scheme::Http | Scheme::Https => {
                // What is asked for over TLS is not taken from where a redirect leads without.
                let options = options.with_allow_http(scheme == Scheme::Http);
                let root = url.as_str().strip_suffix(url.key()).unwrap_or(url.as_str());
                let built = HttpBuilder::new().with_url(root).with_client_options(options).with_retry(retry).build();
                (Arc::new(built.map_err(|error| unusable(&error))?), url.authority().to_owned())
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(|error| Failure::new(FailureKind::Unreachable, format!("no thread could be started: {error}")))?;
        Ok(Self { client, scheme, whom, timeout, interrupt, runtime: Some(runtime) })
    }

    /// Reads an object of up to `limit` bytes.
    pub fn read(&self, url: &ObjectUrl, limit: u64) -> Result<Object, Failure> {
        let (client, path) = (Arc::clone(&self.client), self.path(url)?);
        self.wait(async move {
            let found = client.get_opts(&path, GetOptions::default()).await?;
            if found.meta.size > limit {
                let message = format!("the object is larger than the {limit} bytes that are left for it");
                return Err(Failure::new(FailureKind::Refused, message).into());
            }
            let tag = found.meta.e_tag.clone().map(Tag::Entity);
            let modified = SystemTime::from(found.meta.last_modified);
            // What is not told is read as the beginning of all times.
            let tag = tag.or_else(|| Some(Tag::Modified(modified)).filter(|_| modified > SystemTime::UNIX_EPOCH));
            Ok(Object { bytes: Vec::from(found.bytes().await?), tag })
        })
        .map_err(|broken| self.failure(broken, Doing::Reading))
    }

    /// Whether an object is as it was when this was its tag. If it is not, none of it is read.
    pub fn is_same(&self, url: &ObjectUrl, tag: &Tag) -> Result<bool, Failure> {
        let (client, path) = (Arc::clone(&self.client), self.path(url)?);
        let mut options = GetOptions::default();
        let tag = tag.clone();
        match &tag {
            Tag::Entity(tag) => options.if_none_match = Some(tag.clone()),
            Tag::Modified(at) => options.if_modified_since = Some((*at).into()),
        }
        self.wait(async move {
            match client.get_opts(&path, options).await {
                Err(Error::NotModified { .. }) => Ok(true),
                // A server that does not heed the condition.
                Ok(found) => Ok(matches!(&tag, Tag::Entity(tag) if found.meta.e_tag.as_ref() == Some(tag))),
                Err(error) => Err(error.into()),
            }
        })
        .map_err(|broken| self.failure(broken, Doing::Reading))
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
            let put = client.put_opts(&path, bytes.into(), PutOptions::from(mode)).await?;
            Ok(put.e_tag.map(Tag::Entity))
        })
        .map_err(|broken| self.failure(broken, Doing::Writing))
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
        work: impl Future<Output = Result<T, Broken>> + Send + 'static,
    ) -> Result<T, Broken> {
        let (timeout, interrupt) = (self.timeout, self.interrupt.clone());
        let (sender, answer) = oneshot::channel();
        let bounded = async move {
            let done = tokio::select! {
                done = work => done,
                () = tokio::time::sleep(timeout) => Err(Broken::TimedOut),
                () = interrupt.raised() => Err(Broken::Interrupted),
            };
            _ = sender.send(done);
        };
        if let Some(runtime) = &self.runtime {
            runtime.spawn(bounded);
        }
        answer.blocking_recv().unwrap_or(Err(Broken::Off))
    }

    fn failure(&self, broken: Broken, doing: Doing) -> Failure {
        let Self { whom, timeout, scheme, .. } = self;
        let unreachable = |message| Failure::new(FailureKind::Unreachable, message);
        match broken {
            Broken::Answer(error) => failure(&error, &Asked { whom, scheme: *scheme, doing }),
            Broken::Failure(failure) => failure,
            Broken::TimedOut => {
                let seconds = timeout.as_secs_f64();
                unreachable(format!("no whole answer from {whom} within {seconds} s (`[table] timeout`)"))
            }
            Broken::Off => unreachable(format!("asking {whom} broke off")),
            Broken::Interrupted => {
                Failure::new(FailureKind::Interrupted, "broken off: something more urgent was asked for")
            }
        }
    }
}

/// How a question ends that has no good answer.
enum Broken {
    Answer(Error),
    Failure(Failure),
    TimedOut,
    Interrupted,
    Off,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
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
    set_to(name).is_some()
}

fn set_to(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whom S3 is asked for, and by which variable.
fn endpoint() -> Result<String, Failure> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    match names.into_iter().find_map(|name| Some((name, set_to(name)?))) {
        Some((name, value)) if !value.starts_with("http://") && !value.starts_with("https://") => {
            let message = format!("{name} is `{value}`: write it with http:// or https://");
            Err(Failure::new(FailureKind::Denied, message))
        }
        Some((name, value)) => Ok(format!("{value} ({name})")),
        None => Ok("Amazon S3 (AWS_ENDPOINT_URL is not set)".to_owned()),
    }
}

fn unusable(error: &Error) -> Failure {
    Failure::new(FailureKind::Denied, format!("the store can't be used: {}", root_cause(error)))
}
