// Judge answers to golden vectors: reader VECTORS.jsonl ANSWERS.jsonl
// Says of every vector how many entries are outside their budgets; ends with 1 if any is, 2 if a file is not JSON.
// rustc -O -o reader reader.rs
use std::{env, fs, panic, process::exit};

enum Json { Number(f64), Text(String), List(Vec<Json>), Object(Vec<(String, Json)>), Other }
use Json::*;

fn blank(s: &[u8], i: &mut usize) { while *i < s.len() && s[*i].is_ascii_whitespace() { *i += 1 } }
fn value(s: &[u8], i: &mut usize) -> Json {
    blank(s, i);
    let kind = s[*i];
    if kind == b'"' { // escapes stay as they are: no name needs one
        let start = *i + 1;
        *i = start;
        while s[*i] != b'"' { *i += if s[*i] == b'\\' { 2 } else { 1 } }
        *i += 1;
        return Text(String::from_utf8_lossy(&s[start..*i - 1]).into());
    }
    if kind == b'{' || kind == b'[' {
        let (mut list, mut object) = (vec![], vec![]);
        *i += 1;
        loop {
            blank(s, i);
            if s[*i] == b',' { *i += 1; continue }
            if s[*i] == b'}' || s[*i] == b']' { *i += 1; break }
            let first = value(s, i);
            if let (b'{', Text(key)) = (kind, &first) {
                blank(s, i);
                *i += 1; // the colon
                object.push((key.clone(), value(s, i)));
            } else { list.push(first) }
        }
        return if kind == b'{' { Object(object) } else { List(list) };
    }
    let start = *i;
    while *i < s.len() && !b",]} \t\r\n".contains(&s[*i]) { *i += 1 }
    match &*String::from_utf8_lossy(&s[start..*i]) {
        "true" | "false" | "null" => Other,
        word => Number(word.parse().unwrap()),
    }
}
fn get<'a>(v: Option<&'a Json>, key: &str) -> Option<&'a Json> {
    match v { Some(Object(o)) => o.iter().find(|(k, _)| k == key).map(|(_, v)| v), _ => None }
}
fn outside(want: &Json, budget: &Json, given: Option<&Json>) -> usize { // lists of one shape, numbers at the bottom
    match (want, budget, given) {
        (Number(w), Number(b), Some(Number(g))) => !((g - w).abs() <= *b) as usize,
        (List(w), List(b), Some(List(g))) if w.len() == g.len() =>
            w.iter().zip(b).zip(g).map(|((w, b), g)| outside(w, b, Some(g))).sum(),
        _ => 1,
    }
}
fn lines(name: &str) -> Vec<Json> {
    let text = fs::read_to_string(name).unwrap_or_else(|e| { eprintln!("{name}: {e}"); exit(2) });
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    lines.map(|l| { let mut i = 0; let v = value(l.as_bytes(), &mut i); assert!(i == l.len()); v }).collect()
}
fn text(v: Option<&Json>) -> &str { if let Some(Text(t)) = v { t } else { "" } }
fn main() {
    let names: Vec<String> = env::args().skip(1).collect();
    if names.len() != 2 { eprintln!("usage: reader VECTORS.jsonl ANSWERS.jsonl"); exit(2) }
    panic::set_hook(Box::new(|_| { eprintln!("reader: a line is not JSON"); exit(2) })); // as beyond its end
    let (vectors, answers, mut wrong) = (lines(&names[0]), lines(&names[1]), 0);
    for vector in &vectors {
        let id = text(get(Some(vector), "id"));
        let answer = answers.iter().find(|a| text(get(Some(a), "id")) == id);
        let mut bad = 0;
        if let Some(Object(all)) = get(get(Some(vector), "expected"), "gradients") {
            for (name, g) in all {
                let (w, b) = (get(Some(g), "value").unwrap(), get(Some(g), "budget").unwrap());
                bad += outside(w, b, get(get(answer, "gradients"), name));
            }
        }
        let said = if answer.is_none() { "no answer".into() } else if bad > 0 { format!("{bad} outside") } else { "ok".into() };
        println!("{id}: {said}");
        wrong += bad;
    }
    exit((wrong > 0) as i32)
}
