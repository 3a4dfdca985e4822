use super::*;

#[test]
fn what_the_ladder_knows_and_what_packets_tell_make_the_cause_that_says_more() {
    // A reset in answer to a test: whose it was.
    assert_eq!(weigh(Cause::PathForgot, Cause::PathReset), Cause::PathReset);
    assert_eq!(weigh(Cause::PathForgot, Cause::StateLost), Cause::StateLost);
    assert_eq!(weigh(Cause::PathForgot, Cause::Undetermined), Cause::PathForgot);
    assert_eq!(weigh(Cause::PathForgot, Cause::RetransmissionTimeout), Cause::PathForgot);
    // Unasked, at an age.
    assert_eq!(weigh(Cause::IdleClose, Cause::OrderlyClose), Cause::IdleClose);
    assert_eq!(weigh(Cause::IdleReset, Cause::Injected), Cause::Injected);
    assert_eq!(weigh(Cause::IdleReset, Cause::KeepaliveTimeout), Cause::KeepaliveTimeout);
    // Never opened.
    assert_eq!(weigh(Cause::NotOpened, Cause::ClosedPort), Cause::ClosedPort);
}
