//! Noise, and noise inside what looks like an answer.

use super::play::*;

/// A pseudo-random sequence that is the same in every run.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn noise() {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut answers: Vec<Vec<u8>> = Vec::new();
    for _ in 0..150 {
        let length = 1 + random.below(3000);
        answers.push((0..length).map(|_| random.next() as u8).collect());
    }
    // noise inside what looks like an answer
    for round in 0..150 {
        let mut bytes = good(round % 2 == 0);
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, random.next() as u8),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        answers.push(bytes);
    }
    let cases: Vec<Case> = answers
        .iter()
        .map(|bytes| raw("noise", &bytes[..], "", UNKNOWN))
        .collect();
    for program in [Some(program()), program().under_valgrind()]
        .into_iter()
        .flatten()
    {
        let server = serve(&cases);
        let jobs: Vec<Job> = (0..2 * cases.len())
            .map(|n| Job {
                verb: if n < cases.len() { "get" } else { "post" },
                deadline_ms: AMPLE_MS,
                max_response_bytes: 1 << 20,
                endpoints: server.url().into(),
                key: format!("/c{}", n % cases.len()),
            })
            .collect();
        for (n, told) in run(&program, 24, &jobs).told.iter().enumerate() {
            let noise = n % cases.len() < 150;
            let known = match told.status.as_str() {
                "OK" => !noise,
                // a mutation of the length may leave us waiting for the rest until the server closes: that is no success either
                "PROTOCOL" | "UNREACHABLE" | "SERVER_ERROR" | "REDIRECT" | "TOO_LARGE"
                | "OUTCOME_UNKNOWN" => true,
                _ => false,
            };
            let case = String::from_utf8_lossy(&answers[n % cases.len()]);
            assert!(known, "{told:?}: {case:?}");
            // nothing in noise proves that it was not applied
            if jobs[n].verb == "post" && told.status != "OK" {
                assert!(told.unknown, "{told:?}: {case:?}");
            }
        }
    }
}
