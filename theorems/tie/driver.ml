(* Reads networks and rules as text and prints what the extracted programs say. Only reading and printing happen here.

   Question, line by line (a question ends where the next begins; input may hold many):
     <prime, or 0 for the rationals> <nodes> <parameters> <window, or 0> <1: all walks too>
     <labels that take a step in time>
     per node, the newest first:   <credit> <site> {<back> <coefficient> <label>}
     per parameter:                <labels of the truth>
                                   <labels of the rule>
                                   {<node> <immediate derivative>}
   Answer, per parameter: forward, reverse, the truth's forward, residual; then, with all walks, the sum over the walks
   of the rule, and over those that the truth has and the rule has not less those that the rule has alone. *)
let words () = List.filter (( <> ) "") (String.split_on_char ' ' (input_line stdin))
let numbers () = List.map int_of_string (words ())
let rec times n f = if n = 0 then [] else let x = f () in x :: times (n - 1) f

let set labels =
  let found = Array.make (1 + List.fold_left max 0 labels) false in
  List.iter (fun l -> found.(l) <- true) labels;
  fun l -> l < Array.length found && found.(l)

type 'a system = { zero : 'a; add : 'a -> 'a -> 'a; mul : 'a -> 'a -> 'a; opp : 'a -> 'a;
                   read : string -> 'a; show : 'a -> string }

let rationals = { zero = Q.zero; add = Q.add; mul = Q.mul; opp = Q.neg; read = Q.of_string; show = Q.to_string }

let field p =  (* its elements are whole numbers from 0 to p - 1, and are written so: anything else stops the program *)
  let add x y = let s = Z.add x y in if Z.geq s p then Z.sub s p else s in
  let read word = let x = Z.of_string word in if Z.sign x < 0 || Z.geq x p then failwith word else x in
  { zero = Z.zero; add; mul = (fun x y -> Z.rem (Z.mul x y) p); opp = (fun x -> if Z.sign x = 0 then x else Z.sub p x);
    read; show = Z.to_string }

let answer { zero; add; mul; opp; read; show } nodes parameters window all_walks =
  let clock = set (numbers ()) in
  let rec edges = function
    | back :: c :: l :: rest ->
        { Graph.back = int_of_string back; coefficient = read c; name = int_of_string l } :: edges rest
    | [] -> []
    | _ -> failwith "an edge is three words" in
  let node () = match words () with
    | credit :: site :: rest -> { Graph.credit = read credit; site = int_of_string site; edges = edges rest }
    | _ -> failwith "a node has a credit and a site" in
  let tape = times nodes node in
  let parameter () =
    let truth = set (numbers ()) in
    let rule = set (numbers ()) in
    let immediate = Array.make nodes zero in
    let rec fill = function
      | i :: x :: rest -> immediate.(int_of_string i) <- read x; fill rest
      | [] -> ()
      | _ -> failwith "an immediate derivative is two words" in
    fill (words ());
    let f = Array.to_list immediate in
    let residual = Graph.residual zero add mul opp truth rule tape f in
    let full = Graph.forward zero add mul truth tape f in
    let path_sum chosen = Graph.path_sum zero add mul chosen tape f in
    let kept k = Graph.kept k in
    let rule_walks ls = kept rule ls && (window = 0 || Graph.within clock window ls) in
    let parted = if not all_walks then [] else
      [ path_sum rule_walks;
        add (path_sum (Graph.but (kept truth) rule_walks)) (opp (path_sum (Graph.but rule_walks (kept truth)))) ] in
    let four =
      if window = 0 then
        [ Graph.forward zero add mul rule tape f; Graph.reverse zero add mul rule tape f; full; residual ]
      else [ Graph.window_forward zero add mul clock window rule tape f;
             Graph.window_reverse zero add mul clock window rule tape f; full;
             add residual (Graph.window_beyond zero add mul clock window rule tape f) ] in
    print_endline (String.concat " " (List.map show (four @ parted))) in
  for _ = 1 to parameters do parameter () done

let () =
  try
    while true do
      match words () with
      | [ prime; nodes; parameters; window; walks ] ->
          let nodes, parameters, window = int_of_string nodes, int_of_string parameters, int_of_string window in
          if prime = "0" then answer rationals nodes parameters window (walks = "1")
          else answer (field (Z.of_string prime)) nodes parameters window (walks = "1")
      | _ -> failwith "a question starts with five numbers"
    done
  with End_of_file -> ()
