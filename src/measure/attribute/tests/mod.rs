//! Every cause, from packets written by hand as they were measured; and what must not be taken for one.

mod books;
mod close;
mod injectors;
mod local;
mod opening;
mod path;
mod peer;
mod property;
mod scale;
mod talk;
