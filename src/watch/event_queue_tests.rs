use super::*;

fn change(index: u64) -> Output {
    // the index is all that a queue looks at
    Output::Event(Event::synthetic(
        crate::protocol::response::Response::made(
            crate::protocol::response_head::Head::new(200),
            crate::protocol::tree::Tree::made(
                "set",
                &crate::protocol::tree::Draft {
                    key: "/a",
                    value: Some("x"),
                    ..Default::default()
                },
                None,
            ),
            Arc::default(),
        ),
        index,
    ))
}

fn drain(queue: &mut EventQueue) -> Vec<(EventKind, u64, u64)> {
    std::iter::from_fn(|| queue.pop())
        .map(|e| (e.kind(), e.from(), e.index()))
        .collect()
}

#[test]
fn block_takes_what_was_read_and_asks_for_a_rest() {
    let mut queue = EventQueue::new(4, OnFull::Block);
    for index in 1..=3 {
        assert_eq!(queue.push(change(index)), Push::Accepted);
    }
    assert_eq!(queue.push(change(4)), Push::Full);
    assert_eq!(queue.push(change(5)), Push::Full);
    assert!(!queue.drained());
    for index in 1..=3 {
        assert_eq!(queue.pop().map(|e| e.index()), Some(index));
    }
    assert!(queue.drained());
    assert_eq!(drain(&mut queue).len(), 2);
    assert!(queue.is_empty());
    let counters = queue.counters();
    assert_eq!(
        (counters.delivered, counters.dropped, counters.gaps),
        (5, 0, 0)
    );
}

#[test]
fn gap_stands_where_events_were_dropped() {
    let mut queue = EventQueue::new(2, OnFull::Gap);
    for index in 1..=6 {
        assert_eq!(queue.push(change(index)), Push::Accepted);
    }
    assert_eq!(queue.items.len(), 3);
    queue.push(Output::Event(Event::gap(7, 20, Loss::Cleared)));
    queue.pop();
    queue.pop();
    queue.push(change(21));
    queue.push(change(22));
    queue.push(change(23));
    assert_eq!(
        drain(&mut queue),
        [
            (EventKind::Gap, 3, 20),
            (EventKind::Synthetic, 21, 21),
            (EventKind::Gap, 22, 23)
        ]
    );
    let counters = queue.counters();
    assert_eq!(
        (counters.delivered, counters.dropped, counters.gaps),
        (5, 6, 2)
    );
}

#[test]
fn progress_never_takes_room() {
    let mut queue = EventQueue::new(2, OnFull::Gap);
    queue.push(Output::Event(Event::progress(1)));
    queue.push(Output::Event(Event::progress(2)));
    queue.push(change(3));
    queue.push(Output::Event(Event::progress(4)));
    assert_eq!(
        drain(&mut queue),
        [(EventKind::Progress, 2, 2), (EventKind::Synthetic, 3, 3)]
    );
}

#[test]
fn the_smallest_queue_never_grows() {
    let mut queue = EventQueue::new(1, OnFull::Gap);
    for index in 1..10_000 {
        queue.push(change(index));
        if index % 7 == 0 {
            queue.pop();
        }
        assert!(queue.items.len() <= 2);
    }
    let told = drain(&mut queue);
    assert!(told.windows(2).all(|pair| pair[0].2 < pair[1].1));
}
