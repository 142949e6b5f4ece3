//! Two instances behind a load balancer that asks for their health: one after the other is replaced, and no client
//! notices.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::TARGET;
use crate::harness::{Client, Connection, PATIENCE, Response, Service, Setup, plain, wait_until};

/// Where an instance listens.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Instance {
    lookup: SocketAddr,
    health: SocketAddr,
}

impl Instance {
    fn of(service: &Service) -> Self {
        Self { lookup: service.lookup, health: service.health }
    }

    fn is_well(self) -> bool {
        plain(self.health, "GET /readyz HTTP/1.0\r\n\r\n").is_ok_and(|response| response.status == 200)
    }
}

/// A load balancer in TCP mode, as small as they get.
#[derive(Default)]
struct Balancer {
    instances: Mutex<Vec<Instance>>,
    well: Mutex<Vec<Instance>>,
    turn: AtomicUsize,
    is_over: AtomicBool,
}

impl Balancer {
    fn start(instances: Vec<Instance>) -> (Arc<Self>, SocketAddr) {
        let balancer = Arc::new(Self { instances: Mutex::new(instances), ..Self::default() });
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let checking = Arc::clone(&balancer);
        std::thread::spawn(move || {
            while !checking.is_over.load(Ordering::Relaxed) {
                checking.check();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let accepting = Arc::clone(&balancer);
        std::thread::spawn(move || {
            for client in socket.incoming().map_while(Result::ok) {
                let balancer = Arc::clone(&accepting);
                std::thread::spawn(move || balancer.relay(client));
            }
        });
        wait_until("both are well", || balancer.well.lock().unwrap().len() == 2);
        (balancer, address)
    }

    fn check(&self) {
        let instances = self.instances.lock().unwrap().clone();
        let well = instances.into_iter().filter(|instance| instance.is_well()).collect();
        *self.well.lock().unwrap() = well;
    }

    /// Gives a client to the next instance that is well, or the one after.
    fn relay(&self, client: TcpStream) {
        let well = self.well.lock().unwrap().clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let connected =
            (0..well.len()).find_map(|more| TcpStream::connect(well[(turn + more) % well.len()].lookup).ok());
        let Some(server) = connected else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || copy(from_server, to_client));
        copy(client, server);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    _ = to.shutdown(Shutdown::Write);
}

/// Asks through the balancer: a GET that gets no answer is asked again, once, on a connection of its own.
fn ask(client: &Client, address: SocketAddr, kept: &mut Option<Connection>) -> io::Result<Response> {
    let reused =
        kept.take().and_then(|mut connection| connection.get(TARGET).ok().map(|response| (connection, response)));
    let (connection, response) = match reused {
        Some(answered) => answered,
        None => {
            let mut connection = client.connect(address)?;
            let response = connection.get(TARGET)?;
            (connection, response)
        }
    };
    *kept = Some(connection).filter(|_| response.header("connection") != Some("close"));
    Ok(response)
}

#[test]
fn no_client_notices_that_instances_are_replaced() {
    let mut setup = Setup::new();
    setup.section("drain", "wait = 1\ndeadline = 60");
    let mut services = vec![Service::start_green(&setup), Service::start_green(&setup)];
    let (balancer, address) = Balancer::start(services.iter().map(Instance::of).collect());
    let (is_over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let (is_over, answers) = (Arc::clone(&is_over), Arc::clone(&answers));
            let client = setup.client(Some(&setup.selector));
            std::thread::spawn(move || {
                let mut kept = None;
                while !is_over.load(Ordering::Relaxed) {
                    match ask(&client, address, &mut kept) {
                        Ok(response) if response.status == 200 => _ = answers.fetch_add(1, Ordering::Relaxed),
                        other => return Some(format!("{other:?}")),
                    }
                    // Some connect anew each time; some rest.
                    kept = kept.filter(|_| number % 3 > 0);
                    std::thread::sleep(Duration::from_millis(if number % 3 == 2 { 30 } else { 2 }));
                }
                None
            })
        })
        .collect();
    for _ in 0..2 {
        let before = answers.load(Ordering::Relaxed);
        wait_until("all ask", || answers.load(Ordering::Relaxed) > before + 100);
        let mut old = services.remove(0);
        old.signal("TERM");
        assert_eq!(old.wait_exit(PATIENCE).code(), Some(0));
        let new = Service::start_green(&setup);
        let mut instances = balancer.instances.lock().unwrap();
        instances.retain(|instance| *instance != Instance::of(&old));
        instances.push(Instance::of(&new));
        drop(instances);
        wait_until("the new one is in", || balancer.well.lock().unwrap().contains(&Instance::of(&new)));
        services.push(new);
    }
    for flag in [&*is_over, &balancer.is_over] {
        flag.store(true, Ordering::Relaxed);
    }
    let noticed: Vec<_> = clients.into_iter().filter_map(|client| client.join().unwrap()).collect();
    assert!(noticed.is_empty(), "{noticed:#?}");
}
