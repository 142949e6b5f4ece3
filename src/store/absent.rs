//! What there is in a build that reads no stores.

use std::time::Duration;

use super::{Condition, Failure, FailureKind, Object, ObjectUrl, Tag};
use crate::interrupt::Interrupt;

/// Of which there is none.
pub enum Store {}

impl Store {
    /// # Errors
    /// Always.
    pub fn open(_: &ObjectUrl, _: Duration, _: Interrupt) -> Result<Self, Failure> {
        let message = "this build reads no stores: build it with the feature `object-store`, as is the default";
        Err(Failure::new(FailureKind::Refused, message))
    }

    pub fn read(&self, _: &ObjectUrl, _: u64) -> Result<Object, Failure> {
        match *self {}
    }

    pub fn is_same(&self, _: &ObjectUrl, _: &Tag) -> Result<bool, Failure> {
        match *self {}
    }

    pub fn write(&self, _: &ObjectUrl, _: Vec<u8>, _: &Condition<'_>) -> Result<Option<Tag>, Failure> {
        match *self {}
    }
}
