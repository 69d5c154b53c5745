/** A question, and the passage that answers it. */
export interface Question {
  readonly question: string;
  readonly passage: string;
}

/** What both builds are measured by. */
export const QUESTIONS: readonly Question[] = [
  { question: "How many eggs does the queen lay in a day?", passage: "queen-role" },
  { question: "What does the angle of the waggle dance tell about the sun?", passage: "waggle-dance" },
  { question: "How do bees cool the nest on hot days?", passage: "cooling" },
  { question: "Why must infants not be given honey?", passage: "honey-infants" },
  { question: "Which colours can a bee see?", passage: "colours" },
  { question: "What does a colony do in winter to keep warm?", passage: "winter-cluster" },
  { question: "Why are the cells of the comb hexagons?", passage: "comb-hexagons" },
  { question: "What makes a larva become a queen, royal jelly?", passage: "queen-raising" },
  { question: "How does a swarm vote on a new home?", passage: "swarm-vote" },
  { question: "Which acid is used against mites?", passage: "varroa-treatment" },
];
