// A small server in Rust: rustserver ADDRESS DIRECTORY. A request for /stop ends it.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, fs, process, thread};

fn serve(mut stream: TcpStream, dir: String) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_string();
    if path == "/stop" {
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nstopping\n")?;
        stream.flush()?;
        process::exit(0);
    }
    match fs::read(dir + &path) {
        Ok(body) => {
            write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(&body)
        }
        Err(_) => stream.write_all(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    }
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let listener = TcpListener::bind(&args[1]).unwrap();
    for stream in listener.incoming() {
        let dir = args[2].clone();
        thread::spawn(move || serve(stream.unwrap(), dir));
    }
}
