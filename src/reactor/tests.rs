//! What the loop does for tasks, whatever they are: with one that is a script.
use super::core::Setup;
use super::handle::Reactor;
use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction, TaskHandle, Way};
use crate::cluster::members::member_set::MemberSet;
use crate::error::Phase;
use crate::outcome::transmission::Sent;
use crate::protocol::endpoint::Endpoint;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response_head::Head;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::exchange_state::ExchangeControl;
use crate::transport::fault::{Fault, FaultKind};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum Told {
    TaskHandle(TaskHandle),
    Head(u16),
    Answer(String),
    Fault(Box<Fault>),
    Timer,
    WakeTask,
    Closed(Option<Box<Fault>>),
    Dropped,
}

/// Tells all it hears, and does what the test says.
struct Scripted {
    http_request: HttpRequest,
    limits: Option<ExchangeLimits>,
    tell: Tell,
    heed: fn() -> ExchangeControl<TaskAction>,
    /// after every end and timer
    then: fn(&Scripted, &Context<'_>) -> TaskAction,
}

impl Scripted {
    fn order(&self, context: &Context<'_>) -> TaskAction {
        let member = context.member_set.pick(context.now, &[]).expect("a member");
        let limits = ExchangeLimits {
            deadline: context.now + LONG,
            connect: LONG,
            send: LONG,
            head: LONG,
            body: LONG,
            max_body: 1 << 20,
        };
        TaskAction::Exchange(RequestSpec {
            member: member.clone(),
            limits: self.limits.unwrap_or(limits),
            pool_class: PoolClass::Own,
            way: Way::Any,
        })
    }
}

impl Task for Scripted {
    fn start(&mut self, context: &Context<'_>) -> TaskAction {
        self.tell
            .0
            .send(Told::TaskHandle(context.handle()))
            .unwrap();
        self.order(context)
    }

    fn http_request(&self) -> Option<&HttpRequest> {
        Some(&self.http_request)
    }

    fn on_head(&mut self, head: &Head, _: &Context<'_>) -> ExchangeControl<TaskAction> {
        self.tell.0.send(Told::Head(head.status)).unwrap();
        (self.heed)()
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, context: &Context<'_>) -> TaskAction {
        let told = match outcome {
            Ok(answer) => Told::Answer(String::from_utf8(answer.body).unwrap()),
            Err(fault) => Told::Fault(fault),
        };
        self.tell.0.send(told).unwrap();
        (self.then)(self, context)
    }

    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction {
        self.tell.0.send(Told::Timer).unwrap();
        (self.then)(self, context)
    }

    fn on_wake(&mut self, _: &Context<'_>) -> TaskAction {
        self.tell.0.send(Told::WakeTask).unwrap();
        TaskAction::End
    }

    fn close(self: Box<Self>, fault: Option<Box<Fault>>, _: &Context<'_>) {
        self.tell.0.send(Told::Closed(fault)).unwrap();
    }
}

/// Tells its own end, which is that of its task.
struct Tell(Sender<Told>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Dropped);
    }
}

fn start(listener: &TcpListener) -> Reactor {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = crate::client::Options::default().settings().clone();
    let endpoint = Endpoint::parse("endpoint", &url).unwrap();
    let member_set = Arc::new(MemberSet::new(&[endpoint], &settings));
    Reactor::start(Setup {
        member_set,
        settings,
        max_connections: 1,
    })
    .unwrap()
}

fn scripted(tell: &Sender<Told>) -> Scripted {
    Scripted {
        http_request: HttpRequest::get("/poll"),
        limits: None,
        tell: Tell(tell.clone()),
        heed: || ExchangeControl::Stay,
        then: |_, _| TaskAction::End,
    }
}

fn next(told: &Receiver<Told>) -> Told {
    told.recv_timeout(LONG).expect("to be told something")
}

fn handle(told: &Receiver<Told>) -> TaskHandle {
    match next(told) {
        Told::TaskHandle(handle) => handle,
        other => panic!("{other:?}"),
    }
}

/// Takes one request in, and says this.
fn serve(listener: &TcpListener, answer: &str) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    read_request(&mut stream);
    stream.write_all(answer.as_bytes()).unwrap();
    stream
}

fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        seen.extend_from_slice(&byte);
    }
}

fn ended(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(LONG)).unwrap();
    !matches!(stream.read(&mut [0; 16]), Ok(n) if n > 0)
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_poll_hears_its_head_at_once_and_its_body_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    reactor.add(Box::new(scripted(&tell))).unwrap();
    handle(&told);
    let mut stream = serve(&listener, HEAD);
    assert!(matches!(next(&told), Told::Head(200)));
    assert!(told.recv_timeout(Duration::from_millis(20)).is_err());
    stream.write_all(b"2\r\n{}\r\n0\r\n\r\n").unwrap();
    assert!(matches!(next(&told), Told::Answer(body) if body == "{}"));
    assert!(matches!(next(&told), Told::Dropped));
}

#[test]
fn a_poll_does_not_count_for_the_limit_of_connections_and_uses_them_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    let mut streams = Vec::new();
    for _ in 0..3 {
        reactor
            .add(Box::new(Scripted {
                then: |this, context| this.order(context),
                ..scripted(&tell)
            }))
            .unwrap();
        handle(&told);
        streams.push(serve(&listener, HEAD));
        assert!(matches!(next(&told), Told::Head(200)));
    }
    for stream in &mut streams {
        stream.write_all(b"0\r\n\r\n").unwrap();
        assert!(matches!(next(&told), Told::Answer(_)));
        read_request(stream);
    }
    drop(reactor);
    assert!(streams.iter_mut().all(ended));
}

#[test]
fn an_owner_may_leave_at_the_head() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    reactor
        .add(Box::new(Scripted {
            heed: || {
                ExchangeControl::Leave(TaskAction::Wake(Instant::now() + Duration::from_millis(5)))
            },
            ..scripted(&tell)
        }))
        .unwrap();
    handle(&told);
    let mut stream = serve(&listener, HEAD);
    assert!(matches!(next(&told), Told::Head(200)));
    assert!(ended(&mut stream));
    assert!(matches!(next(&told), Told::Timer));
    assert!(matches!(next(&told), Told::Dropped));
}

#[test]
fn silences_have_their_limits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    // before the head: from the limits; between head and body: as the task said
    for (answer, phase, began) in [("", Phase::Head, false), (HEAD, Phase::Body, false)] {
        let short = Duration::from_millis(30);
        let limits = ExchangeLimits {
            deadline: Instant::now() + LONG,
            connect: LONG,
            send: LONG,
            head: if phase == Phase::Head { short } else { LONG },
            body: LONG,
            max_body: 10,
        };
        reactor
            .add(Box::new(Scripted {
                limits: Some(limits),
                heed: || ExchangeControl::Silence(Duration::from_millis(30), Duration::ZERO),
                ..scripted(&tell)
            }))
            .unwrap();
        handle(&told);
        let mut stream = serve(&listener, answer);
        if phase == Phase::Body {
            assert!(matches!(next(&told), Told::Head(200)));
        }
        let Told::Fault(fault) = next(&told) else {
            panic!("no fault");
        };
        assert_eq!((fault.phase, fault.kind), (phase, FaultKind::Timeout));
        assert_eq!((fault.sent, fault.body_began), (Sent::Fully, began));
        assert_eq!(fault.head.is_some(), phase == Phase::Body);
        assert!(matches!(next(&told), Told::Dropped));
        assert!(ended(&mut stream));
    }
}

#[test]
fn others_reach_an_owner_while_it_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    reactor.add(Box::new(scripted(&tell))).unwrap();
    let first = handle(&told);
    let mut stream = serve(&listener, HEAD);
    assert!(matches!(next(&told), Told::Head(200)));
    first.wake();
    assert!(matches!(next(&told), Told::WakeTask));
    assert!(matches!(next(&told), Told::Dropped));
    assert!(ended(&mut stream));

    reactor.add(Box::new(scripted(&tell))).unwrap();
    let second = handle(&told);
    let mut stream = serve(&listener, HEAD);
    assert!(matches!(next(&told), Told::Head(200)));
    // the place is the same, the task is not
    first.cancel();
    first.wake();
    second.cancel();
    let Told::Closed(Some(fault)) = next(&told) else {
        panic!("no fault");
    };
    assert_eq!(
        (fault.kind, fault.phase),
        (FaultKind::Cancelled, Phase::Body)
    );
    assert!(matches!(next(&told), Told::Dropped));
    assert!(ended(&mut stream));

    drop(reactor);
    second.wake();
}

#[test]
fn a_loop_that_breaks_drops_everybody_and_takes_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (tell, told) = channel();
    let reactor = start(&listener);
    reactor.add(Box::new(scripted(&tell))).unwrap();
    handle(&told);
    let mut stream = serve(&listener, HEAD);
    assert!(matches!(next(&told), Told::Head(200)));
    reactor
        .add(Box::new(Scripted {
            then: |_, _| panic!("a bug"),
            limits: Some(ExchangeLimits {
                deadline: Instant::now(),
                connect: LONG,
                send: LONG,
                head: LONG,
                body: LONG,
                max_body: 0,
            }),
            ..scripted(&tell)
        }))
        .unwrap();
    handle(&told);
    assert!(matches!(next(&told), Told::Fault(_)));
    for _ in 0..2 {
        assert!(matches!(next(&told), Told::Dropped));
    }
    assert!(ended(&mut stream));
    let error = reactor.add(Box::new(scripted(&tell))).unwrap_err();
    assert_eq!(error.status(), crate::status::Status::INTERNAL);
}
